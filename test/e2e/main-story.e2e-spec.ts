import { jest } from '@jest/globals';
import { tellMainStory } from './main-story.js';
import { describeScenes } from './scenes.js';

jest.setTimeout(60_000);

describeScenes('one secret in two vaults', tellMainStory);
